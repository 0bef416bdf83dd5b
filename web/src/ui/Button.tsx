import type { ComponentChildren, JSX } from "preact";
import { Link } from "wouter-preact";

type Variant = "primary" | "normal" | "quiet" | "danger";

export interface ButtonProps {
  variant?: Variant;
  type?: "button" | "submit";
  disabled?: boolean;
  /** It does its work now: it says so and takes no further press. */
  busy?: boolean;
  small?: boolean;
  /** When the text alone does not tell. */
  label?: string;
  title?: string;
  /** Of a button that opens something. */
  expanded?: boolean;
  controls?: string;
  onClick?: (event: JSX.TargetedMouseEvent<HTMLButtonElement>) => void;
  children: ComponentChildren;
}

export function Button(props: ButtonProps) {
  const { variant = "normal", type = "button", disabled = false, busy = false, small = false } = props;
  return (
    <button
      type={type}
      class={buttonClass(variant, small)}
      disabled={disabled}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      aria-label={props.label}
      aria-expanded={props.expanded}
      aria-controls={props.controls}
      title={props.title}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else props.onClick?.(event);
      }}
    >
      {props.children}
    </button>
  );
}

export interface ButtonLinkProps {
  /** A path of our own. */
  href: string;
  variant?: Variant;
  small?: boolean;
  label?: string;
  /** The file's name, of a link that downloads. */
  download?: string;
  children: ComponentChildren;
}

/** A link that looks like a button: what leads somewhere is a link. */
export function ButtonLink({
  href,
  variant = "normal",
  small = false,
  label,
  download,
  children,
}: ButtonLinkProps) {
  const look = buttonClass(variant, small);
  if (download !== undefined)
    return (
      <a class={look} href={href} download={download} aria-label={label}>
        {children}
      </a>
    );
  return (
    <Link class={look} href={href} aria-label={label}>
      {children}
    </Link>
  );
}

export interface ExternalLinkProps {
  /** Given by the server; anything but https is shown as text only. */
  href: string;
  button?: boolean;
  children: ComponentChildren;
}

/** A link to another place, in a new tab. */
export function ExternalLink({ href, button = false, children }: ExternalLinkProps) {
  if (!href.startsWith("https://")) return <span>{children}</span>;
  return (
    <a
      class={button ? buttonClass("normal", false) : "external"}
      href={href}
      target="_blank"
      rel="noopener noreferrer"
    >
      {children}
      <svg class="external-mark" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <path d="M7 1.5h3.5V5M10.2 1.8 5.5 6.5M4.5 2.5H2v7.5h7.5V7.5" />
      </svg>
      <span class="visually-hidden"> (opens a new tab)</span>
    </a>
  );
}

function buttonClass(variant: Variant, small: boolean): string {
  return `button button-${variant}${small ? " button-small" : ""}`;
}
