// Executions to try the page with.

import type { EventRow, Execution, Report, StateDetail, Visit } from "../../api/types";

export function visit(id: number, name: string, more: Partial<Visit> = {}): Visit {
  return {
    id,
    parent: null,
    branch: null,
    attempt: 1,
    name,
    type: "Task",
    order: id,
    status: "SUCCEEDED",
    entered_at: 1000 + id,
    exited_at: 1001 + id,
    retries: 0,
    redrives: 0,
    resource: "lambda:invoke",
    error: null,
    reason: null,
    job: null,
    function: null,
    endpoint: null,
    items: 0,
    length: null,
    ...more,
  };
}

export function event(id: number, type: string, of: number | null = null): EventRow {
  return { id, previous: id - 1, type, at: 1000 + id, visit: of };
}

export function execution(more: Partial<Execution> = {}, row: Partial<Execution["row"]> = {}): Execution {
  return {
    row: {
      arn: "arn:aws:states:eu-west-1:123456789012:execution:Train:one",
      name: "one",
      workflow: "Train",
      workflow_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:Train",
      recipe: "houses",
      status: "SUCCEEDED",
      outcome: null,
      started_at: 1000,
      stopped_at: 1010,
      seconds: 10,
      reason: null,
      redrives: 0,
      is_past: false,
      ...row,
    },
    input: '{"recipe": "houses"}',
    output: '{"status": "DONE"}',
    error: null,
    cause: null,
    failed_visit: null,
    traceback: [],
    definition: null,
    definition_problem: null,
    visits: [],
    events: [],
    is_complete: true,
    can_stop: false,
    can_redrive: false,
    aws_console_url: null,
    problem: null,
    ...more,
  };
}

export function detail(of: Visit, more: Partial<StateDetail> = {}): StateDetail {
  return {
    visit: of,
    input: '{"a": 1}',
    output: '{"a": 2}',
    parameters: null,
    definition: { Type: of.type },
    attempts: [],
    map_run: null,
    ...more,
  };
}

export function report(of: Execution, more: Partial<Report> = {}): Report {
  return {
    execution: of,
    states: Object.fromEntries(
      of.visits.map((one) => [one.id, { detail: detail(one), log: null, job: null }]),
    ),
    events: Object.fromEntries(of.events.map((one) => [one.id, { id: one.id, type: one.type }])),
    cost: null,
    made_at: 2000,
    made_by: "Switchyard",
    notes: [],
    ...more,
  };
}
