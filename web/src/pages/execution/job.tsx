import type { DataPlace, Job, Visit } from "../../api/types";
import { LinePlots } from "../../plots";
import { formatNumber } from "../../plots";
import {
  CopyButton,
  Duration,
  durationText,
  Empty,
  ExternalLink,
  Facts,
  Loading,
  None,
  StatusMark,
  Time,
} from "../../ui";
import type { ExecutionSource } from "./source";

/** The SageMaker job behind a state. */
export function JobView({ source, visit }: { source: ExecutionSource; visit: Visit }) {
  const { data, problem } = source.useJob(visit);
  if (!data) return problem ? <p class="note">{problem.detail}</p> : <Loading />;
  if (data.problem) return <p class="note">{data.problem}</p>;
  return <JobParts job={data} />;
}

function JobParts({ job }: { job: Job }) {
  const values = Object.entries(job.final_metrics);
  const curves = job.metrics.filter((series) => series.points.length > 1);
  return (
    <div class="job">
      <div>
        <Facts
          facts={[
            [`${job.kind} job`, <span class="mono">{job.name}</span>],
            ["Status", <StatusMark status={job.status}>{statusWords(job)}</StatusMark>],
            ["Started", <Time at={job.started_at ?? job.created_at} />],
            [
              "Took",
              <Duration
                seconds={took(job)}
                since={job.status === "InProgress" ? (job.started_at ?? job.created_at) : null}
              />,
            ],
            ["Billable", job.billable_seconds === null ? <None /> : durationText(job.billable_seconds)],
            ["Instances", `${job.instance_count} × ${job.instance_type}`],
          ]}
        />
        {job.reason ? <p class="job-reason">{job.reason}</p> : null}
        {job.aws_console_url ? (
          <ExternalLink href={job.aws_console_url}>Open in AWS console</ExternalLink>
        ) : null}
      </div>
      {curves.length > 0 ? (
        <Part title="Metrics">
          <LinePlots
            title={`Metrics of ${job.name}`}
            series={curves.map(({ name, points }) => ({ name, points }))}
            across="elapsed"
            height={150}
          />
          {job.metrics_note ? <p class="note">{job.metrics_note}</p> : null}
        </Part>
      ) : null}
      {values.length > 0 ? (
        <Part title="Final metrics">
          <Values rows={values.map(([name, value]) => [name, formatNumber(value)])} isNumber />
        </Part>
      ) : null}
      <Part title="Hyperparameters">
        <Values rows={Object.entries(job.hyperparameters)} />
      </Part>
      <Part title="Data in">
        <Places places={job.inputs} />
      </Part>
      <Part title="Data out">
        <Places places={job.outputs} />
      </Part>
      {job.steps.length > 0 ? (
        <Part title="Steps">
          <ol class="job-steps">
            {job.steps.map((step) => (
              <li key={`${step.status}${step.started_at}`}>
                <span class="job-step">{step.status}</span>
                <Duration
                  seconds={step.ended_at === null ? null : step.ended_at - step.started_at}
                  since={job.status === "InProgress" ? step.started_at : null}
                />
                <span class="muted">{step.message}</span>
              </li>
            ))}
          </ol>
        </Part>
      ) : null}
      {Object.keys(job.environment).length > 0 ? (
        <Part title="Environment">
          <Values rows={Object.entries(job.environment)} />
        </Part>
      ) : null}
      <Part title="Image">
        <p class="mono wrap">{job.image || "None"}</p>
      </Part>
    </div>
  );
}

function Part({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="job-part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Values({
  rows,
  isNumber = false,
}: {
  rows: readonly (readonly [string, string])[];
  isNumber?: boolean;
}) {
  if (rows.length === 0) return <p class="muted">None</p>;
  return (
    <dl class="values">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={isNumber ? "number" : "mono"}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Places({ places }: { places: readonly DataPlace[] }) {
  if (places.length === 0) return <Empty title="None" />;
  return (
    <ul class="places">
      {places.map((place) => (
        <li key={place.name + place.uri}>
          <span class="places-name">{place.name}</span>
          <span class="mono wrap">{place.uri}</span>
          <CopyButton text={place.uri} />
          {place.detail ? <span class="muted places-detail">{place.detail}</span> : null}
        </li>
      ))}
    </ul>
  );
}

function statusWords(job: Job): string | undefined {
  return job.secondary_status && job.secondary_status !== job.status ? job.secondary_status : undefined;
}

function took(job: Job): number | null {
  const from = job.started_at ?? job.created_at;
  return from === null || job.ended_at === null ? null : job.ended_at - from;
}
