import { useEffect, useState } from "preact/hooks";
import { Button } from "./Button";

export interface CopyButtonProps {
  /** What is copied; a function where making it is costly. */
  text: string | (() => string);
  /** What the button says: `Copy`, `Copy as JSON`. */
  label?: string;
}

export function CopyButton({ text, label = "Copy" }: CopyButtonProps) {
  const [done, setDone] = useState<"" | "Copied" | "Not allowed">("");
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(""), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => {
    const value = typeof text === "function" ? text() : text;
    write(value).then(
      () => setDone("Copied"),
      () => setDone("Not allowed"),
    );
  };
  return (
    <span class="copy">
      <Button small variant="quiet" onClick={copy}>
        {done || label}
      </Button>
      <span class="visually-hidden" role="status">
        {done}
      </span>
    </span>
  );
}

async function write(text: string): Promise<void> {
  // Outside of loopback and https a browser has no clipboard.
  if (!("clipboard" in navigator)) throw new Error("no clipboard");
  await navigator.clipboard.writeText(text);
}
