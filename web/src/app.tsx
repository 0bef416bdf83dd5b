import { Route, Switch } from "wouter-preact";
import type { Report } from "./api/types";
import { EndpointPage, EndpointsPage } from "./pages/endpoints";
import { ExecutionPage, ReportPage } from "./pages/execution";
import { ExecutionsPage } from "./pages/executions";
import { ModelPage, ModelsPage } from "./pages/models";
import { NotFoundPage } from "./pages/NotFoundPage";
import { StartPage } from "./pages/start";
import { WorkflowsPage } from "./pages/workflows";
import { ReportShell } from "./shell/ReportShell";
import { Shell } from "./shell/Shell";

/** The console, or one execution's report when the document holds one. */
export function App({ report }: { report: Report | null }) {
  if (report)
    return (
      <ReportShell report={report}>
        <ReportPage report={report} />
      </ReportShell>
    );
  return (
    <Shell>
      <Switch>
        <Route path="/">
          <WorkflowsPage />
        </Route>
        <Route path="/workflows">
          <WorkflowsPage />
        </Route>
        <Route path="/executions">
          <ExecutionsPage />
        </Route>
        <Route path="/executions/*">
          {(params) => (
            <Named key={params[0]} under="/executions/" page={(arn) => <ExecutionPage arn={arn} />} />
          )}
        </Route>
        <Route path="/models">
          <ModelsPage />
        </Route>
        <Route path="/models/:name">
          {({ name }) => (
            <Named key={name} under="/models/" page={(recipe) => <ModelPage recipe={recipe} />} />
          )}
        </Route>
        <Route path="/endpoints">
          <EndpointsPage />
        </Route>
        <Route path="/endpoints/:name">
          {({ name }) => (
            <Named key={name} under="/endpoints/" page={(endpoint) => <EndpointPage name={endpoint} />} />
          )}
        </Route>
        <Route path="/start">
          <StartPage />
        </Route>
        <Route>
          <NotFoundPage />
        </Route>
      </Switch>
    </Shell>
  );
}

/**
 * A page whose name stands in the address; one that is badly encoded leads nowhere.
 *
 * The router's own parameter is half decoded: a name with a percent sign could not be told from an encoded one.
 */
function Named({ under, page }: { under: string; page: (name: string) => preact.JSX.Element }) {
  let name: string;
  try {
    name = decodeURIComponent(window.location.pathname.slice(under.length));
  } catch {
    return <NotFoundPage />;
  }
  return page(name);
}
