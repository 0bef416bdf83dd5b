import { Link } from "wouter-preact";

export function Brand() {
  return (
    <Link href="/" class="brand">
      <BrandMark />
      Switchyard
    </Link>
  );
}

/** A track that forks. */
export function BrandMark() {
  return (
    <svg class="brand-mark" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M2 14h16M5.5 14C10 14 10 6 14.5 6H18" />
    </svg>
  );
}
