package bridge.test;

import jakarta.jms.JMSException;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.advisory.DestinationSource;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQTempQueue;

/** The queues and topics of an ActiveMQ Classic broker, as its advisory topics tell them. */
final class DestinationsProbe {
  private DestinationsProbe() {}

  /** Prints {@code {"kind": "queue", "name": …}} for each, advisory topics left out. */
  static void print(Arguments arguments) throws JMSException, InterruptedException {
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(arguments.required("url"));
    String password = new String(Arguments.password());
    try (ActiveMQConnection connection =
        (ActiveMQConnection) factory.createConnection(arguments.required("user"), password)) {
      connection.start();
      DestinationSource source = connection.getDestinationSource();
      // The broker first tells what there is, then what is new: with this one all others are known.
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      Queue last = session.createTemporaryQueue();
      CountDownLatch told = new CountDownLatch(1);
      source.setDestinationListener(event -> {
        if (event.getDestination().equals(last)) told.countDown();
      });
      if (!holds(source.getTemporaryQueues(), last) && !told.await(30, TimeUnit.SECONDS))
        throw new IllegalStateException("the broker does not tell its destinations");
      print("queue", source.getQueues());
      print("topic", source.getTopics());
    }
  }

  private static boolean holds(Set<ActiveMQTempQueue> queues, Queue queue) {
    return queues.stream().anyMatch(one -> one.equals(queue));
  }

  private static void print(String kind, Set<? extends ActiveMQDestination> destinations) {
    for (ActiveMQDestination destination : destinations)
      Lines.print(Map.of("kind", kind, "name", destination.getPhysicalName()));
  }
}
