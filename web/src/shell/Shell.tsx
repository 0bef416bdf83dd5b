import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import type { Target } from "../api/types";
import { useLive } from "../live";
import { paths } from "../paths";
import { wantHeadingFocus } from "../ui/headingFocus";
import { Banners } from "./Banners";
import { Brand } from "./Brand";
import { TargetLine } from "./TargetLine";
import { ThemeSwitch } from "./ThemeSwitch";

const PAGES = [
  { label: "Workflows", href: paths.workflows },
  { label: "Executions", href: paths.executions },
  { label: "Models", href: paths.models },
  { label: "Endpoints", href: paths.endpoints },
] as const;

/** What stands around every page: the navigation, the cloud that is looked at, what is wrong with it. */
export function Shell({ children }: { children: ComponentChildren }) {
  const [location] = useLocation();
  const target = useLive<Target>("target").data;
  useNavigation(location);
  const here = location === "/" ? paths.workflows : location;
  return (
    <div class="shell">
      <a class="skip-link" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <Brand />
        <nav class="nav" aria-label="Pages">
          <ul>
            {PAGES.map(({ label, href }) => (
              <li key={href}>
                <Link href={href} class="nav-link" aria-current={isIn(here, href) ? "page" : undefined}>
                  {label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div class="side-foot">
          {target ? <TargetLine target={target} /> : null}
          <ThemeSwitch />
        </div>
      </header>
      <div class="content">
        <Banners target={target} />
        <main class="main" id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}

// A new page begins at its top, with the focus on its heading; the first one leaves both to the browser.
function useNavigation(location: string): void {
  const before = useRef(location);
  if (before.current !== location) wantHeadingFocus();
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    window.scrollTo(0, 0);
  }, [location]);
}

function isIn(location: string, page: string): boolean {
  return location === page || location.startsWith(`${page}/`);
}
