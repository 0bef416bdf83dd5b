import { render } from "preact";
import "./styles/console.css";

const root = document.getElementById("app");
if (root) render(<p>Switchyard</p>, root);
