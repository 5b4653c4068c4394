/** The payload of a stored event. Stored bodies are JSON objects; a byte order mark may stand before them. */
export function parsedBody(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
