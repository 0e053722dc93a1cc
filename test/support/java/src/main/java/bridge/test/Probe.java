package bridge.test;

/** {@code jms-receive | jms-send | jms-request | jms-serve | jms-destinations | mqtt-subscribe | mqtt-publish}, then {@code --name value} options. */
public final class Probe {
  private Probe() {}

  public static void main(String[] args) throws Exception {
    Arguments arguments = new Arguments(args, 1);
    switch (args[0]) {
      case "jms-receive" -> JmsProbe.receive(arguments);
      case "jms-send" -> JmsProbe.send(arguments);
      case "jms-request" -> RequestProbe.request(arguments);
      case "jms-serve" -> RequestProbe.serve(arguments);
      case "jms-destinations" -> DestinationsProbe.print(arguments);
      case "mqtt-subscribe" -> PahoProbe.subscribe(arguments);
      case "mqtt-publish" -> PahoProbe.publish(arguments);
      default -> throw new IllegalArgumentException("no such command: " + args[0]);
    }
    // Client libraries may leave threads of theirs behind; the work is done.
    System.exit(0);
  }
}
