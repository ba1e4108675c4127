/** Files that are dropped onto the page or pasted into a message. */

/**
 * Call `add` with dropped or pasted files; the browser handles everything else.
 *
 * @param {HTMLElement} form is marked while files are dragged over the page
 * @param {HTMLTextAreaElement} area gets the focus after a drop
 * @param {(files: FileList) => void} add
 */
export function acceptFiles(form, area, add) {
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
