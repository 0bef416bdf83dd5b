// What StartExecution's "name" may not hold.
const REFUSED = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/;

/** What is wrong with an execution's name; null when nothing is. An empty one is made by the server. */
export function nameProblem(name: string): string | null {
  if (name.length > 80) return `It has ${name.length} characters; Step Functions takes 80.`;
  const refused = REFUSED.exec(name)?.[0];
  if (refused === undefined) return null;
  return /\s/.test(refused) ? "A name holds no spaces." : `A name holds no ${refused}.`;
}

/** What is wrong with the data's place; null when nothing is. An empty one is the recipe's own, if it has any. */
export function dataProblem(data: string, own: string | null): string | null {
  const given = data.trim();
  if (given === "") return own === null ? "The recipe has no data of its own: give an S3 URI." : null;
  return given.startsWith("s3://") ? null : "It is no S3 URI: write s3://<bucket>/<key>.";
}
