package jms;

import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.RedeliveryPolicy;
import org.apache.activemq.transport.DefaultTransportListener;

/** A back end that is a member of the chat, by JMS alone: listens, archives, answers and announces, until interrupted. */
public final class BackEnd {
  /** The durable subscription belongs to it: the broker keeps what is said while no back end of this name is connected. */
  private static final String CLIENT_ID = "chat-back-end";

  private BackEnd() {}

  public static void main(String[] args) throws InterruptedException {
    if (args.length > 1) {
      Terminal.complain("Usage: java -jar target/java-jms.jar [ROOM, default all rooms]");
      System.exit(2);
    }
    try {
      run(args.length == 1 ? args[0] : null);
    } catch (JMSException failure) {
      Terminal.complain("The back end cannot work with " + Environment.brokerUrl() + ": " + failure.getMessage());
      System.exit(1);
    } catch (IOException failure) {
      Terminal.complain("The archive cannot be opened or the input not be read: " + failure.getMessage());
      System.exit(1);
    }
  }

  private static void run(String room) throws JMSException, IOException, InterruptedException {
    String self = Environment.account();
    Path archive = Environment.archive();
    Connection connection = connect(self);
    Archive.keep(connection, archive);
    TimeService.serve(connection, self);
    Rooms.listen(connection, self, room);
    Announcements announcements = new Announcements(connection, self);
    connection.start();
    Terminal.complain("Listening to " + (room == null ? "all rooms" : "the room " + room) + ", archiving to " + archive + ", answering /time.");
    Terminal.complain("Type ROOM TEXT to announce something; Ctrl-C ends.");
    announceEachLine(announcements);
    // A service has no input. It ends when it is told to.
    new CountDownLatch(1).await();
  }

  private static Connection connect(String self) throws JMSException {
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(Environment.brokerUrl());
    factory.setRedeliveryPolicy(patience());
    Connection connection = factory.createConnection(self, Environment.password());
    connection.setClientID(CLIENT_ID);
    ((ActiveMQConnection) connection).addTransportListener(new ConnectionNews());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(connection)));
    return connection;
  }

  /** What cannot be archived is tried again until it can be. Without this, ActiveMQ moves it to its dead-letter queue after six times. */
  private static RedeliveryPolicy patience() {
    RedeliveryPolicy policy = new RedeliveryPolicy();
    policy.setMaximumRedeliveries(RedeliveryPolicy.NO_MAXIMUM_REDELIVERIES);
    policy.setUseExponentialBackOff(true);
    policy.setBackOffMultiplier(2);
    policy.setMaximumRedeliveryDelay(30_000);
    return policy;
  }

  /** Lets what is being handled be finished, so that it does not come again. */
  private static void close(Connection connection) {
    try {
      connection.close();
    } catch (JMSException gone) {
      // What was not acknowledged comes again.
    }
  }

  private static void announceEachLine(Announcements announcements) throws IOException {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, Terminal.CHARSET));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] parts = line.strip().split("\\s+", 2);
      if (parts.length < 2) {
        if (!line.isBlank()) Terminal.complain("Type a room, a blank and a text.");
        continue;
      }
      try {
        announcements.announce(parts[0], parts[1]);
      } catch (JMSException failure) {
        Terminal.complain("Not announced: " + failure.getMessage());
      }
    }
  }

  /** The failover transport of the broker URL connects again by itself, and restores what we had. */
  private static final class ConnectionNews extends DefaultTransportListener {
    @Override
    public void transportInterupted() {
      Terminal.complain("(connection lost, trying again)");
    }

    @Override
    public void transportResumed() {
      Terminal.complain("(connected)");
    }
  }
}
