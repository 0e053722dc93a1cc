/** The first `longest` bytes of a body as UTF-8 text; what is none shows as U+FFFD. */
export function beginningOf(body: string | Buffer, longest: number): string {
  const bytes = typeof body === 'string' ? Buffer.from(body.slice(0, longest)) : body;
  // Streaming: a character that the cut goes through is left out.
  return new TextDecoder().decode(bytes.subarray(0, longest), { stream: true });
}
