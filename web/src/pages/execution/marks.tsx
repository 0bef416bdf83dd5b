import type { Visit } from "../../api/types";
import { stateWord } from "../../graph";
import { StatusMark, statusWord } from "../../ui";

/** A state's status; people say `Stopped` for what AWS calls aborted. */
export function StateMark({ visit }: { visit: Visit }) {
  return <StatusMark status={visit.status}>{statusWord(stateWord(visit))}</StatusMark>;
}
