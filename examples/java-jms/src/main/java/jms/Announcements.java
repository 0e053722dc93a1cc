package jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;

/** Says things in rooms: TextMessages on the queue {@code chat-outbox}. */
final class Announcements {
  private final Session session;
  private final MessageProducer outbox;
  private final String self;

  Announcements(Connection connection, String self) throws JMSException {
    this.session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    this.outbox = session.createProducer(session.createQueue("chat-outbox"));
    this.self = self;
  }

  /** Returns when the broker has stored it: persistent is JMS's default. */
  void announce(String room, String text) throws JMSException {
    TextMessage message = session.createTextMessage(ChatMessage.of(self, text).json());
    // The bridge's rule reads the room from here: chat/{properties.room}/messages.
    message.setStringProperty("room", room);
    outbox.send(message);
  }
}
