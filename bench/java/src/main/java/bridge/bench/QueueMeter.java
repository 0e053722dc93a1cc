package bridge.bench;

import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.qpid.jms.JmsConnectionFactory;

/**
 * Reads a queue like a back end does, counts each message, and checks the order of each room: message {@code n} is of room
 * {@code n % rooms}. The first ones are a warm-up: of the others it measures time and latency. Prints {@code ready}, {@code warm} after
 * the warm-up, and one line of JSON when all have come or nothing more comes.
 */
public final class QueueMeter {
  private static final Pattern BODY = Pattern.compile("\"n\":(\\d+),\"at\":([\\d.]+)");

  private final int warmUp;
  private final int rooms;
  private final boolean[] seen;
  private final int[] newest;
  private final double[] latencies;
  private int different;
  private int measured;
  private double first;
  private int duplicates;
  private int reordered;

  private QueueMeter(int messages, int warmUp, int rooms) {
    this.warmUp = warmUp;
    this.rooms = rooms;
    seen = new boolean[warmUp + messages];
    latencies = new double[messages];
    newest = new int[rooms];
    Arrays.fill(newest, -1);
  }

  /** Arguments: client, URL, user, queue, messages, messages of the warm-up, rooms, milliseconds of silence. The password is in BENCH_PASSWORD. */
  public static void main(String[] args) throws JMSException {
    ConnectionFactory factory =
        args[0].equals("openwire") ? new ActiveMQConnectionFactory(args[1]) : new JmsConnectionFactory(args[1]);
    QueueMeter meter =
        new QueueMeter(Integer.parseInt(args[4]), Integer.parseInt(args[5]), Integer.parseInt(args[6]));
    try (Connection connection = factory.createConnection(args[2], System.getenv("BENCH_PASSWORD"))) {
      Session session = connection.createSession(false, Session.DUPS_OK_ACKNOWLEDGE);
      MessageConsumer consumer = session.createConsumer(session.createQueue(args[3]));
      connection.start();
      System.out.println("ready");
      meter.read(consumer, Long.parseLong(args[7]));
    }
  }

  private void read(MessageConsumer consumer, long silence) throws JMSException {
    double last = 0;
    while (different < seen.length) {
      Message message = consumer.receive(silence);
      if (message == null) break;
      Instant now = Instant.now();
      last = now.getEpochSecond() * 1_000.0 + now.getNano() / 1_000_000.0;
      take(message, last);
    }
    double[] sorted = Arrays.copyOf(latencies, measured);
    Arrays.sort(sorted);
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"lost\":%d,\"duplicates\":%d,\"reordered\":%d,\"seconds\":%.4f,\"p50\":%.2f,\"p99\":%.2f}%n",
        seen.length - different,
        duplicates,
        reordered,
        (last - first) / 1_000,
        percentile(sorted, 0.5),
        percentile(sorted, 0.99));
  }

  private void take(Message message, double now) throws JMSException {
    Matcher matcher = BODY.matcher(text(message));
    if (!matcher.find()) throw new IllegalStateException("not a message of this benchmark");
    int n = Integer.parseInt(matcher.group(1));
    if (seen[n]) {
      duplicates++;
      return;
    }
    seen[n] = true;
    if (++different == warmUp) System.out.println("warm");
    if (n >= warmUp) {
      if (first == 0) first = now;
      latencies[measured++] = now - Double.parseDouble(matcher.group(2));
    }
    int room = n % rooms;
    if (n < newest[room]) reordered++;
    else newest[room] = n;
  }

  private static String text(Message message) throws JMSException {
    if (message instanceof TextMessage text) return text.getText();
    BytesMessage bytes = (BytesMessage) message;
    byte[] body = new byte[(int) bytes.getBodyLength()];
    bytes.readBytes(body);
    return new String(body, StandardCharsets.UTF_8);
  }

  private static double percentile(double[] sorted, double part) {
    return sorted.length == 0 ? 0 : sorted[Math.min(sorted.length - 1, (int) (sorted.length * part))];
  }
}
