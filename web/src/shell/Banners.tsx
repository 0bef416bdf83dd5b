import type { Target } from "../api/types";
import { useConnectionState } from "../live";
import { sentence } from "../ui/sentence";

/** What is wrong with the server or the cloud, said at the top of each page as long as it is so. */
export function Banners({ target }: { target: Target | undefined }) {
  const isLost = useConnectionState() === "lost";
  return (
    <div class="banners" role="status">
      {isLost ? (
        <p class="banner banner-bad">
          The console's server does not answer; trying again. What is shown here may be out of date.
        </p>
      ) : null}
      {!isLost && target && !target.is_up ? (
        <p class="banner">
          <Reason target={target} /> Past runs can be read; nothing can be started.
        </p>
      ) : null}
      {!isLost && target?.is_up && target.problem ? (
        <p class="banner">
          <Reason target={target} /> What may be read is shown.
        </p>
      ) : null}
    </div>
  );
}

// What stands between backticks is a command.
function Reason({ target }: { target: Target }) {
  const text = sentence(target.problem ?? `${target.name} does not answer`);
  return (
    <>
      {text.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
      {/[.!?]$/.test(text) ? "" : "."}
    </>
  );
}
