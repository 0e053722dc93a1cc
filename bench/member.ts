import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';

/** What a member is connected to, and as whom. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly clientId: string;
}

const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const SUBACK = 9;
/** The first byte of a PUBLISH of QoS 1, and of its answer (MQTT 3.1.1, 3.3.1 and 3.4.1). */
const PUBLISH_QOS_1 = 0x32;
const PUBACK_BYTE = 0x40;

/**
 * An MQTT 3.1.1 client over TCP that costs next to nothing, so that hundreds of them and what they measure fit onto two cores: one clean
 * session, one topic to read and to write at QoS 1, answers of one read in one write. Any end of the connection is an error.
 */
export class Member {
  readonly #socket: Socket;
  readonly #topic: string;
  readonly #onMessage: (payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  #messageId = 0;
  #waiting: ((packetType: number) => void) | undefined;
  /** Publishes without an answer. */
  unanswered = 0;

  private constructor(socket: Socket, topic: string, onMessage: (payload: Buffer) => void) {
    this.#socket = socket;
    this.#topic = topic;
    this.#onMessage = onMessage;
    socket.on('data', (chunk) => this.#read(chunk));
  }

  /** Resolves when the subscription stands; rejects when the broker refuses. */
  static async join(login: Login, topic: string, onMessage: (payload: Buffer) => void): Promise<Member> {
    const socket = connect({ host: login.host, port: login.port, noDelay: true });
    await once(socket, 'connect');
    const member = new Member(socket, topic, onMessage);
    const { username, password, clientId } = login;
    await member.#ask(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        keepalive: 0,
        clientId,
        username,
        password: Buffer.from(password),
      }),
      CONNACK,
    );
    await member.#ask(
      generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }),
      SUBACK,
    );
    socket.once('close', () => socket.emit('error', new Error(`the broker hung up on ${clientId}`)));
    return member;
  }

  publish(payload: Buffer): void {
    this.#messageId = (this.#messageId % 0xff_ff) + 1;
    this.unanswered++;
    this.#socket.write(
      generate({
        cmd: 'publish',
        topic: this.#topic,
        payload,
        qos: 1,
        messageId: this.#messageId,
        dup: false,
        retain: false,
      }),
    );
  }

  leave(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  async #ask(packet: Buffer, answer: number): Promise<void> {
    const answered = new Promise<number>((resolve, reject) => {
      this.#waiting = resolve;
      this.#socket.once('error', reject);
      this.#socket.once('close', () => reject(new Error('the broker hung up')));
    });
    this.#socket.write(packet);
    if ((await answered) !== answer) throw new Error(`not the answer ${answer}`);
    this.#socket.removeAllListeners('close');
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const answers: number[] = [];
    for (;;) {
      const packet = firstPacket(data);
      if (packet === undefined) break;
      this.#take(data, packet, answers);
      data = data.subarray(packet.end);
    }
    this.#rest = data;
    if (answers.length > 0) this.#socket.write(Buffer.from(answers));
  }

  #take(data: Buffer, { body, end }: Extent, answers: number[]): void {
    const first = data[0] ?? 0;
    switch (first >> 4) {
      case PUBLISH: {
        if ((first & 0xf6) !== PUBLISH_QOS_1) throw new Error('a message that is not of QoS 1');
        const id = body + 2 + data.readUInt16BE(body);
        answers.push(PUBACK_BYTE, 2, data[id] ?? 0, data[id + 1] ?? 0);
        this.#onMessage(data.subarray(id + 2, end));
        return;
      }
      case PUBACK:
        this.unanswered--;
        return;
      case CONNACK:
        if (data[body + 1] !== 0) throw new Error(`the broker refuses to connect: ${data[body + 1]}`);
        this.#waiting?.(CONNACK);
        return;
      default:
        this.#waiting?.(first >> 4);
    }
  }
}

/** Where a packet's variable header begins and where it ends. */
interface Extent {
  readonly body: number;
  readonly end: number;
}

/** The first packet of the bytes, if it is there to its end; its length stands in up to four bytes of seven bits (2.2.3). */
function firstPacket(data: Buffer): Extent | undefined {
  let length = 0;
  for (let index = 1; index <= 4; index++) {
    const byte = data[index];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << (7 * (index - 1));
    if (byte < 0x80) {
      const end = index + 1 + length;
      return end <= data.length ? { body: index + 1, end } : undefined;
    }
  }
  throw new Error('a packet without an end');
}
