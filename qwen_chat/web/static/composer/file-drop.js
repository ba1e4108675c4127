/** Files that are dragged onto the page, or pasted into a message. */

/**
 * Give the files that come to `add`; what is dragged or pasted otherwise is left to the browser.
 *
 * @param {HTMLElement} form shows that they can be dropped, wherever on the page
 * @param {HTMLTextAreaElement} area has the focus once they were
 * @param {(files: FileList) => void} add
 */
export function takeFiles(form, area, add) {
  window.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("dropping");
  });
  window.addEventListener("drop", (event) => {
    if (!event.dataTransfer || !holdsFiles(event)) return;
    event.preventDefault();
    form.classList.remove("dropping");
    add(event.dataTransfer.files);
    area.focus();
  });
  area.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    event.preventDefault();
    add(files);
  });
}

/** @param {DragEvent} event */
function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
