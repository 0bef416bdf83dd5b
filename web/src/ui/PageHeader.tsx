import { Fragment, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link } from "wouter-preact";
import { takeHeadingFocus } from "./headingFocus";

export interface PageHeaderProps {
  /** The page's heading; also the tab's title unless `tabTitle` is given. */
  title: string;
  tabTitle?: string;
  /** The pages above this one. */
  crumbs?: readonly { label: string; href: string }[];
  /** Beside the heading: a status. */
  mark?: ComponentChildren;
  /** Under the heading. */
  about?: ComponentChildren;
  actions?: ComponentChildren;
}

/** A page's one h1 and what belongs to it; sets the tab's title and takes the focus after a navigation. */
export function PageHeader({ title, tabTitle, crumbs, mark, about, actions }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${tabTitle ?? title} - Switchyard`;
  }, [title, tabTitle]);
  useEffect(() => {
    if (heading.current && takeHeadingFocus()) heading.current.focus({ preventScroll: true });
  });
  return (
    <header class="page-header">
      {crumbs && crumbs.length > 0 ? (
        <nav class="crumbs" aria-label="Breadcrumb">
          {crumbs.map((crumb) => (
            <Fragment key={crumb.href}>
              <Link href={crumb.href}>{crumb.label}</Link>
              <span aria-hidden="true">/</span>
            </Fragment>
          ))}
        </nav>
      ) : null}
      <div class="page-header-row">
        <div class="page-header-words">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {mark}
        </div>
        {actions ? <div class="page-header-actions">{actions}</div> : null}
      </div>
      {about ? <div class="page-header-about">{about}</div> : null}
    </header>
  );
}
