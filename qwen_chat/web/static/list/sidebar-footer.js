/** The footer of the list: appearance, language, keyboard shortcuts and logging out. */

import { get } from "../lib/api.js";
import { chooseAppearance } from "./appearance-menu.js";
import { showShortcuts } from "../lib/dialogs.js";
import { element } from "../lib/dom.js";
import { switchLanguage } from "../lib/locale.js";
import { attempt } from "../lib/toasts.js";
import { labelledButton } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

export function sidebarFooter() {
  const made = element(
    "footer",
    { class: "list-foot" },
    Object.assign(labelledButton("sun", translate("sidebar.appearance"), chooseAppearance), { id: "appearance" }),
    Object.assign(labelledButton("language", translate("sidebar.other_language"), switchLanguage), { title: translate("sidebar.change_language") }),
    Object.assign(labelledButton("keyboard", translate("sidebar.shortcuts"), showShortcuts), { title: `${translate("shortcuts.title")} (?)` }),
  );
  void attempt(addLogOut(made));
  return made;
}

/** Add the button to log out, if the person has logged in. @param {HTMLElement} made */
async function addLogOut(made) {
  const { name, auth } = await get("chat/me");
  if (auth) made.append(Object.assign(labelledButton("forward", translate("sidebar.log_out"), logOut), { title: translate("sidebar.logged_in_as", { name }) }));
}

async function logOut() {
  await fetch("logout", { method: "POST" });
  location.reload();
}
