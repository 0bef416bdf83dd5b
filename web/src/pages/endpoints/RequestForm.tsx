import { useRef, useState } from "preact/hooks";
import { post, problemOf } from "../../api/client";
import type { EndpointPage, Invocation, InvokeEndpoint, Problem } from "../../api/types";
import { Button, Card, CopyButton, ErrorBox, Facts, Field, JsonTree, None } from "../../ui";

const ANY = "";

/** A request to try an endpoint with, and its answer. */
export function RequestForm({ page }: { page: EndpointPage }) {
  // Until somebody has typed, the fields follow what is known of the endpoint.
  const [typedBody, setBody] = useState<string | null>(null);
  const [typedType, setType] = useState<string | null>(null);
  const [variant, setVariant] = useState(ANY);
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Invocation | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const body = typedBody ?? page.example ?? "";
  const contentType = typedType ?? page.content_type;
  const { variants, name } = page.row;

  const send = async () => {
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    const asked: InvokeEndpoint = {
      body,
      content_type: contentType,
      accept: null,
      variant: variant === ANY ? null : variant,
    };
    try {
      setAnswer(await post<Invocation>("/api/endpoint/invocations", asked, { name }));
    } catch (error) {
      setAnswer(null);
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card
      title="Send a request"
      about={
        page.example !== null
          ? "The example is the first row of the test data of the run that deployed here, without its target."
          : undefined
      }
    >
      <div class="request">
        <form
          ref={form}
          class="request-form"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Field label="Body" description="Ctrl and Enter send it.">
            {(attributes) => (
              <textarea
                {...attributes}
                class="textarea"
                rows={6}
                spellcheck={false}
                value={body}
                onInput={(event) => setBody(event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
                    form.current?.requestSubmit();
                }}
              />
            )}
          </Field>
          <div class="request-row">
            <Field label="Content type">
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  value={contentType}
                  required
                  list="content-types"
                  onInput={(event) => setType(event.currentTarget.value)}
                />
              )}
            </Field>
            <Field label="Variant">
              {(attributes) => (
                <select
                  {...attributes}
                  class="select"
                  value={variant}
                  onChange={(event) => setVariant(event.currentTarget.value)}
                >
                  <option value={ANY}>By weight</option>
                  {variants.map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Button variant="primary" type="submit" busy={isBusy}>
              Send
            </Button>
          </div>
          <datalist id="content-types">
            <option value="text/csv" />
            <option value="application/json" />
            <option value="application/jsonlines" />
          </datalist>
        </form>
        <div class="request-answer" aria-live="polite" aria-busy={isBusy}>
          {problem ? <ErrorBox problem={problem} /> : null}
          {answer ? <Answer answer={answer} /> : null}
          {!answer && !problem ? <p class="muted">The answer will be here.</p> : null}
        </div>
      </div>
    </Card>
  );
}

function Answer({ answer }: { answer: Invocation }) {
  const isGood = answer.status < 300;
  return (
    <>
      <p class={isGood ? "answer-good" : "answer-bad"}>
        {isGood
          ? `Answered in ${answer.latency_ms} ms.`
          : `The model refused it with status ${answer.status}, after ${answer.latency_ms} ms.`}
      </p>
      <Facts
        facts={[
          ["Status", String(answer.status)],
          ["Variant", answer.variant ?? <None />],
          ["Content type", answer.content_type || <None />],
        ]}
      />
      <div class="answer-head">
        <h3>{isGood ? "Answer" : "The model's own words"}</h3>
        <CopyButton text={answer.body} />
      </div>
      {isGood && answer.content_type.startsWith("application/json") ? (
        <JsonTree label="Answer" text={answer.body} copy={false} />
      ) : (
        <pre class="answer-body" tabIndex={0}>
          {answer.body}
        </pre>
      )}
    </>
  );
}
