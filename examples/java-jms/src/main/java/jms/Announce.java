package jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.time.Instant;
import java.util.UUID;
import org.apache.activemq.ActiveMQConnectionFactory;

/** Says one line in a chat room from the JMS side: a TextMessage to the queue {@code chat-outbox}. */
public final class Announce {
  private Announce() {}

  public static void main(String[] args) {
    if (args.length != 2) {
      System.err.println("Usage: java -cp target/java-jms.jar jms.Announce ROOM TEXT");
      System.exit(2);
    }
    try {
      announce(args[0], args[1]);
      System.out.println("Sent to chat-outbox, for the room " + args[0]);
    } catch (JMSException failure) {
      System.err.println("Not announced: " + failure.getMessage());
      System.exit(1);
    }
  }

  private static void announce(String room, String text) throws JMSException {
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(Environment.brokerUrl());
    try (Connection connection = factory.createConnection(Environment.account(), Environment.password())) {
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      TextMessage message = session.createTextMessage(chatMessage(Environment.account(), text));
      // The bridge's rule reads the room from here: chat/{properties.room}/messages.
      message.setStringProperty("room", room);
      // Persistent is JMS's default: returns only after the broker has stored it.
      session.createProducer(session.createQueue("chat-outbox")).send(message);
    }
  }

  private static String chatMessage(String from, String text) {
    return """
        {"type":"text","id":"%s","from":"%s","text":"%s","sentAt":"%s"}"""
        .formatted(UUID.randomUUID(), escaped(from), escaped(text), Instant.now());
  }

  /** The characters that a JSON string may not hold as they are (RFC 8259, section 7). */
  private static String escaped(String text) {
    StringBuilder json = new StringBuilder();
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') json.append('\\').append(c);
      else if (c < ' ') json.append("\\u%04x".formatted((int) c));
      else json.append(c);
    }
    return json.toString();
  }
}
