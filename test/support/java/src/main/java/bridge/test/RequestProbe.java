package bridge.test;

import jakarta.jms.Connection;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.util.Optional;

/** The two sides of JMS request and reply, as in the JMS tutorial. */
final class RequestProbe {
  private RequestProbe() {}

  /** Sends a request that wants its answer on a temporary queue, or on {@code --reply-to}, and prints the answer. */
  static void request(Arguments arguments) throws JMSException {
    try (Connection connection = JmsProbe.connect(arguments)) {
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      Optional<String> named = arguments.optional("reply-to");
      Destination replyTo =
          named.isPresent()
              ? session.createQueue(named.get().substring("queue:".length()))
              : session.createTemporaryQueue();
      MessageConsumer answers = session.createConsumer(replyTo);
      connection.start();
      Message request = MessageFromArguments.make(session, arguments, 0);
      request.setJMSReplyTo(replyTo);
      session.createProducer(JmsProbe.destination(session, arguments)).send(request);
      Message answer = answers.receive(arguments.number("timeout-ms", 30_000));
      if (answer == null) Lines.timeout(0);
      else Lines.print(MessageAsJson.of(answer));
    }
  }

  /** Answers {@code --count} requests with {@code re: TEXT}, and prints each of them. */
  static void serve(Arguments arguments) throws JMSException {
    try (Connection connection = JmsProbe.connect(arguments)) {
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      MessageConsumer requests = session.createConsumer(JmsProbe.destination(session, arguments));
      MessageProducer answers = session.createProducer(null);
      connection.start();
      Lines.ready();
      for (int served = 0; served < arguments.number("count", 1); served++) {
        Message request = requests.receive(arguments.number("timeout-ms", 30_000));
        if (request == null) {
          Lines.timeout(served);
          return;
        }
        Lines.print(MessageAsJson.of(request));
        Message answer = session.createTextMessage("re: " + ((TextMessage) request).getText());
        answer.setJMSCorrelationID(request.getJMSCorrelationID());
        answers.send(request.getJMSReplyTo(), answer);
      }
    }
  }
}
