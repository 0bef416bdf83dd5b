export type { ConnectionState } from "./connection";
export { useConnectionState, useLive, type LiveValue } from "./useLive";
