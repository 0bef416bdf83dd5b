import { render } from "preact";
import { App } from "./app";
import { reportInDocument } from "./report";
import { applyStoredTheme } from "./shell/theme";
import "./styles/console.css";

applyStoredTheme();
const root = document.getElementById("app");
if (root) render(<App report={reportInDocument()} />, root);
