/** The few calls the page makes to the bridge. Each rejects with an Error whose text is for people. */

/** Where MQTT over WebSocket is, or undefined when the mapping file does not say. */
export async function mqttWebSocketUrl(): Promise<string | undefined> {
  const settings = await answer('/api/settings', 'GET');
  const url = settings.mqttWebSocketUrl;
  if (typeof url !== 'string') return undefined;
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error('The chat of this bridge is set up wrongly: http.chat has to be a ws:// or wss:// URL.');
  }
  return url;
}

/** A new room ID that nobody can guess. */
export async function newRoomId(): Promise<string> {
  const { id } = await answer('/api/rooms', 'POST');
  if (typeof id !== 'string') throw new Error('The bridge gave no room ID.');
  return id;
}

async function answer(path: string, method: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(path, { method }).catch(() => {
    throw new Error('The bridge does not answer. Is it running?');
  });
  if (!response.ok) throw new Error(`The bridge answered ${response.status} to ${path}.`);
  const value: unknown = await response.json();
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
