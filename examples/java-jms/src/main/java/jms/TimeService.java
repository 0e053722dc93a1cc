package jms;

import jakarta.jms.Connection;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;

/**
 * Answers {@code /time} that somebody says in a room: an ordinary JMS service, which answers to JMSReplyTo with the JMSCorrelationID
 * of the request. That the one is the bridge's queue and the other a room it need not know.
 */
final class TimeService {
  private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss VV");

  private final Session session;
  private final MessageProducer answers;
  private final String self;

  private TimeService(Session session, String self) throws JMSException {
    this.session = session;
    this.answers = session.createProducer(null);
    this.self = self;
  }

  static void serve(Connection connection, String self) throws JMSException {
    Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    TimeService service = new TimeService(session, self);
    // Other programs may answer other commands from the same queue.
    session.createConsumer(session.createQueue("chat-commands"), "command = '/time'").setMessageListener(service::answer);
  }

  private void answer(Message request) {
    try {
      Destination asker = request.getJMSReplyTo();
      if (asker == null) return;
      Message answer = session.createTextMessage(ChatMessage.of(self, "It is " + CLOCK.format(ZonedDateTime.now())).json());
      answer.setJMSCorrelationID(request.getJMSCorrelationID());
      answers.send(asker, answer);
    } catch (JMSException failure) {
      Terminal.complain("Not answered: " + failure.getMessage());
    }
  }
}
