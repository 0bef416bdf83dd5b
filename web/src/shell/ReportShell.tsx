import type { ComponentChildren } from "preact";
import type { Report } from "../api/types";
import { absoluteText } from "../ui";
import { BrandMark } from "./Brand";
import { ThemeSwitch } from "./ThemeSwitch";

/** What stands around a report: who made it and when; nothing that needs a server. */
export function ReportShell({ report, children }: { report: Report; children: ComponentChildren }) {
  return (
    <div class="report">
      <header class="report-bar">
        <span class="brand">
          <BrandMark />
          Switchyard
        </span>
        <p class="report-made">
          Report of {absoluteText(report.made_at)}, {report.made_by}
        </p>
        <ThemeSwitch />
      </header>
      <main class="main" id="main">
        {report.notes.length > 0 ? (
          <ul class="report-notes">
            {report.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        ) : null}
        {children}
      </main>
    </div>
  );
}
