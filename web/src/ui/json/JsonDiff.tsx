import { useMemo, useState } from "preact/hooks";
import { difference, type Difference } from "./diff";
import { Key, Node } from "./JsonTree";
import { isBranch, parseJson } from "./parse";
import { Scalar } from "./Scalar";

export interface JsonDiffProps {
  /** JSON as text. */
  before: string;
  after: string;
  /** What it is, for screen readers: `From input to output`. */
  label: string;
}

/** What changed from one JSON text to another, as one tree: added, removed, changed; the rest folded away. */
export function JsonDiff({ before, after, label }: JsonDiffProps) {
  const root = useMemo(() => {
    const old = parseJson(before);
    const now = parseJson(after);
    return old.ok && now.ok ? difference(old.value, now.value) : null;
  }, [before, after]);
  return (
    <div class="json json-diff" role="group" aria-label={label}>
      {root === null ? <p class="json-note">One of the two is no JSON: they cannot be compared.</p> : null}
      {root?.change === "same" ? <p class="json-note">Nothing changed.</p> : null}
      {root && root.change !== "same" ? <Entry node={root} /> : null}
    </div>
  );
}

function Entry({ node }: { node: Difference }) {
  switch (node.change) {
    case "same":
      return <Node {...named(node.key)} value={node.after} depth={0} />;
    case "added":
      return <Marked kind="added" name={node.key} value={node.after} />;
    case "removed":
      return <Marked kind="removed" name={node.key} value={node.before} />;
    case "changed":
      if (isBranch(node.before) || isBranch(node.after))
        return (
          <>
            <Marked kind="removed" name={node.key} value={node.before} />
            <Marked kind="added" name={node.key} value={node.after} />
          </>
        );
      return (
        <div class="json-row diff-changed">
          <Sign kind="changed" />
          <Key name={node.key} />
          <del>
            <Scalar value={node.before} />
          </del>
          <span class="diff-arrow" aria-hidden="true">
            {" → "}
          </span>
          <span class="visually-hidden"> became </span>
          <ins>
            <Scalar value={node.after} />
          </ins>
        </div>
      );
    case "within":
      return <Within node={node} />;
  }
}

function Within({ node }: { node: Difference }) {
  const [all, setAll] = useState(false);
  const isList = Array.isArray(node.after);
  const same = node.children.filter((child) => child.change === "same");
  const shown = all ? node.children : node.children.filter((child) => child.change !== "same");
  return (
    <div class="json-branch">
      <div class="json-row">
        <Key name={node.key} />
        <span class="json-count">{isList ? "[" : "{"}</span>
      </div>
      <div class="json-children">
        {shown.map((child) => (
          <Entry key={`${child.change}-${child.key}`} node={child} />
        ))}
        {same.length > 0 ? (
          <button type="button" class="json-more" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "hide what is unchanged" : `${same.length} unchanged`}
          </button>
        ) : null}
      </div>
      <div class="json-row json-count">{isList ? "]" : "}"}</div>
    </div>
  );
}

function Marked({
  kind,
  name,
  value,
}: {
  kind: "added" | "removed";
  name: string | number | undefined;
  value: unknown;
}) {
  return (
    <div class={`diff-marked diff-${kind}`}>
      <Sign kind={kind} />
      <Node {...named(name)} value={value} depth={3} />
    </div>
  );
}

function Sign({ kind }: { kind: "added" | "removed" | "changed" }) {
  const signs = { added: "+", removed: "−", changed: "~" };
  return (
    <span class="diff-sign">
      <span aria-hidden="true">{signs[kind]}</span>
      <span class="visually-hidden">{kind} </span>
    </span>
  );
}

function named(key: string | number | undefined): { name?: string | number } {
  return key === undefined ? {} : { name: key };
}
