package jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.Session;

/** Listens to every room, or to one: a durable subscription to {@code rooms.*}, so that nothing is missed while we are away. */
final class Rooms {
  private static final String SUBSCRIPTION = "rooms";

  private Rooms() {}

  /** Shows what is said from now on, and what was said since this program last ran. */
  static void listen(Connection connection, String self, String room) throws JMSException {
    Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    session
        .createDurableSubscriber(session.createTopic("rooms.*"), SUBSCRIPTION, selector(self, room), false)
        .setMessageListener(Rooms::show);
  }

  /** The broker looks at the properties that the bridge's rule has set, and sends us only what matches. */
  private static String selector(String self, String room) {
    // Of a message without a sender `sender <> 'x'` would be unknown, which is not true.
    String others = "(sender IS NULL OR sender <> " + quoted(self) + ")";
    return room == null ? others : others + " AND room = " + quoted(room);
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "''") + "'";
  }

  private static void show(Message message) {
    try {
      Terminal.say(
          "[%s] %s: %s"
              .formatted(
                  message.getStringProperty("room"),
                  message.getStringProperty("sender"),
                  ChatMessage.textOf(message)));
    } catch (JMSException unreadable) {
      Terminal.complain("A message cannot be shown: " + unreadable.getMessage());
    }
  }
}
