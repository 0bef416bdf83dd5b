/** Brings the reader to the first control that is wrong, once the page shows that it is. */
export function focusFirstProblem(form: EventTarget | null): void {
  if (!(form instanceof HTMLElement)) return;
  requestAnimationFrame(() => {
    const control = form.querySelector<HTMLElement>("[aria-invalid]");
    const section = control?.closest("details");
    if (section) section.open = true;
    control?.focus();
  });
}
