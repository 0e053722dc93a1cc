/** Builds the chat page and the dashboard into `outdir` (by default dist/web). Rejects when a source does not compile. */
export function buildPage(outdir?: string): Promise<void>;
