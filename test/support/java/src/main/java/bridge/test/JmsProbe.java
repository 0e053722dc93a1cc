package bridge.test;

import jakarta.jms.Connection;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.DeliveryMode;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.Topic;
import java.util.concurrent.TimeUnit;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.qpid.jms.JmsConnectionFactory;

/** A JMS consumer and a JMS producer, on OpenWire or AMQP. */
final class JmsProbe {
  private JmsProbe() {}

  /** Prints ready, then each message, and ends after {@code --count} of them or {@code --timeout-ms}. */
  static void receive(Arguments arguments) throws JMSException {
    int count = arguments.number("count", 1);
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(arguments.number("timeout-ms", 30_000));
    try (Connection connection = connect(arguments)) {
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      MessageConsumer consumer = consumer(session, arguments);
      connection.start();
      Lines.ready();
      for (int received = 0; received < count; received++) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        // A receive of 0 would wait for ever.
        Message message = consumer.receive(Math.max(1, left));
        if (message == null) {
          Lines.timeout(received);
          return;
        }
        Lines.print(MessageAsJson.of(message));
      }
    }
  }

  /** Sends {@code --count} equal messages; returns when the broker has them. */
  static void send(Arguments arguments) throws JMSException {
    try (Connection connection = connect(arguments)) {
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      MessageProducer producer = session.createProducer(destination(session, arguments));
      boolean persistent = arguments.optional("non-persistent").isEmpty();
      int mode = persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT;
      int priority = arguments.number("priority", Message.DEFAULT_PRIORITY);
      long timeToLive = arguments.number("ttl-ms", 0);
      for (int sent = 0; sent < arguments.number("count", 1); sent++) {
        producer.send(MessageFromArguments.make(session, arguments, sent), mode, priority, timeToLive);
      }
    }
  }

  static Connection connect(Arguments arguments) throws JMSException {
    String url = arguments.required("url");
    ConnectionFactory factory =
        switch (arguments.required("client")) {
          case "openwire" -> new ActiveMQConnectionFactory(url);
          case "qpid" -> new JmsConnectionFactory(url);
          default -> throw new IllegalArgumentException("--client is openwire or qpid");
        };
    Connection connection =
        factory.createConnection(arguments.required("user"), new String(Arguments.password()));
    if (arguments.optional("client-id").isPresent()) connection.setClientID(arguments.required("client-id"));
    return connection;
  }

  private static MessageConsumer consumer(Session session, Arguments arguments) throws JMSException {
    Destination destination = destination(session, arguments);
    String selector = arguments.optional("selector").orElse(null);
    return arguments.optional("durable").isPresent()
        ? session.createDurableSubscriber((Topic) destination, arguments.required("durable"), selector, false)
        : session.createConsumer(destination, selector);
  }

  static Destination destination(Session session, Arguments arguments) throws JMSException {
    return arguments.optional("queue").isPresent()
        ? session.createQueue(arguments.required("queue"))
        : session.createTopic(arguments.required("topic"));
  }
}
