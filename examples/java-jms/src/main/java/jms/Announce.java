package jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import org.apache.activemq.ActiveMQConnectionFactory;

/** Says one line in a chat room from the JMS side. */
public final class Announce {
  private Announce() {}

  public static void main(String[] args) {
    if (args.length != 2) {
      Terminal.complain("Usage: java -cp target/java-jms.jar jms.Announce ROOM TEXT");
      System.exit(2);
    }
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(Environment.brokerUrl());
    try (Connection connection = factory.createConnection(Environment.account(), Environment.password())) {
      new Announcements(connection, Environment.account()).announce(args[0], args[1]);
      Terminal.say("Sent to chat-outbox, for the room " + args[0]);
    } catch (JMSException failure) {
      Terminal.complain("Not announced: " + failure.getMessage());
      System.exit(1);
    }
  }
}
