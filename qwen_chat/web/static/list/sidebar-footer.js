/** What stands below the list: how the page looks and speaks, what keys do, and the way out. */

import { get } from "../lib/api.js";
import { chooseAppearance } from "./appearance-menu.js";
import { showShortcuts } from "../lib/dialogs.js";
import { element } from "../lib/dom.js";
import { switchLanguage } from "../lib/locale.js";
import { attempt } from "../lib/toasts.js";
import { labelled } from "../lib/buttons.js";
import { translate } from "../lib/translate.js";

export function foot() {
  const made = element(
    "footer",
    { class: "list-foot" },
    Object.assign(labelled("sun", translate("sidebar.appearance"), chooseAppearance), { id: "appearance" }),
    Object.assign(labelled("language", translate("sidebar.other_language"), switchLanguage), { title: translate("sidebar.change_language") }),
    Object.assign(labelled("keyboard", translate("sidebar.shortcuts"), showShortcuts), { title: `${translate("shortcuts.title")} (?)` }),
  );
  void attempt(addWay(made));
  return made;
}

/** Add the way out for someone who logged in. @param {HTMLElement} made */
async function addWay(made) {
  const { name, auth } = await get("chat/me");
  if (auth) made.append(Object.assign(labelled("forward", translate("sidebar.log_out"), logOut), { title: translate("sidebar.logged_in_as", { name }) }));
}

async function logOut() {
  await fetch("logout", { method: "POST" });
  location.reload();
}
