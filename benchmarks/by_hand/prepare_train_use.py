"""The plain side of the benchmark: the scripts of a recipe run one after the other, as one would by hand.

Each is a fresh Python process: prepare, train, and then the transform beside the server and one request.
Standard library only. Run as `python prepare_train_use.py PLAN`, where PLAN is a JSON file:
`source` (folder of the scripts), `work` (folder for everything made), `prepare` and `train` (their options).
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    source, work = Path(plan["source"]), Path(plan["work"])

    run(source / "prepare.py", *plan["prepare"])
    run(source / "train.py", *plan["train"])

    model, test = work / "model", work / "test" / "test.csv"
    command = [sys.executable, str(HERE / "serve.py"), str(source), str(model)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        command = [sys.executable, str(HERE / "transform.py"), str(source), str(model), str(test)]
        transform = subprocess.Popen([*command, str(work / "predictions.csv")])
        prediction = ask(read_port(server), test)
        if transform.wait():
            raise SystemExit("transform.py failed")
    finally:
        server.terminate()
        server.wait()

    rows = len((work / "predictions.csv").read_text(encoding="utf-8").splitlines())
    print(json.dumps({"prediction": prediction, "rows": rows}))


def run(script: Path, *options: str) -> None:
    subprocess.run([sys.executable, str(script), *options], check=True, stdout=sys.stderr)


def read_port(server: subprocess.Popen[str]) -> int:
    """Wait for the line that the server prints when it listens."""
    line = server.stdout.readline() if server.stdout else ""
    if not line:
        raise SystemExit("serve.py failed")
    return int(line)


def ask(port: int, test: Path) -> float:
    """Ask the server about the first row of the test data; its target comes first and is left out."""
    with test.open(encoding="utf-8") as rows:
        features = rows.readline().strip().partition(",")[2]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/invocations", features, {"Content-Type": "text/csv", "Accept": "text/csv"})
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"serve.py answered {response.status}: {answer}")
    return float(answer)


if __name__ == "__main__":
    main()
