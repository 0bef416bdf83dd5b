let isWanted = false;

/** After a navigation: the next heading that is drawn takes the focus, so that a screen reader reads the new page. */
export function wantHeadingFocus(): void {
  isWanted = true;
}

/** Whether the heading shall take the focus; true once for each navigation. */
export function takeHeadingFocus(): boolean {
  const wanted = isWanted;
  isWanted = false;
  return wanted;
}
