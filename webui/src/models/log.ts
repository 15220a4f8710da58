// What a guest wrote to its console, without what only a terminal understands.
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[PX^_][^\u001b]*\u001b\\|[ -/]*[0-~])/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A line that was written over shows what it was in the end. */
function overwritten(line: string): string {
  const parts = line.replace(/\r+$/, "").split("\r");
  return parts.at(-1) ?? "";
}

export function plainLog(raw: string): string {
  return raw.replace(SEQUENCES, "").split("\n").map(overwritten).join("\n").replace(CONTROLS, "").replace(/\n{3,}/g, "\n\n").trim();
}
