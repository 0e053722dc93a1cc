package jms;

import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.time.Instant;
import org.apache.activemq.ActiveMQConnectionFactory;

/** Takes every chat message off the queue {@code chat-archive} and prints it, until interrupted. */
public final class ReadArchive {
  private ReadArchive() {}

  public static void main(String[] args) {
    // With a number, ends after so many messages.
    long wanted = args.length == 0 ? Long.MAX_VALUE : Long.parseLong(args[0]);
    try {
      read(wanted);
    } catch (JMSException failure) {
      Terminal.complain("The archive cannot be read: " + failure.getMessage());
      System.exit(1);
    }
  }

  private static void read(long wanted) throws JMSException {
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(Environment.brokerUrl());
    try (Connection connection = factory.createConnection(Environment.account(), Environment.password())) {
      connection.start();
      Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
      MessageConsumer archive = session.createConsumer(session.createQueue("chat-archive"));
      for (long taken = 0; taken < wanted; taken++) {
        Message message = archive.receive();
        print(message);
        // Only now may the broker forget it: a crash before this line brings it back.
        message.acknowledge();
      }
    }
  }

  private static void print(Message message) throws JMSException {
    Terminal.say(
        "%s room=%s sender=%s %s"
            .formatted(
                Instant.ofEpochMilli(message.getJMSTimestamp()),
                message.getStringProperty("room"),
                message.getStringProperty("sender"),
                body(message)));
  }

  private static String body(Message message) throws JMSException {
    if (message instanceof TextMessage text) return text.getText();
    if (message instanceof BytesMessage bytes) return "(" + bytes.getBodyLength() + " bytes)";
    return "(" + message.getClass().getSimpleName() + ")";
  }
}
