package rooms;

import jakarta.jms.Connection;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.JMSException;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jms.annotation.EnableJms;
import org.springframework.jms.config.DefaultJmsListenerContainerFactory;

/** Starts Spring with one listener, until interrupted. */
@Configuration
@EnableJms
public class Main {
  public static void main(String[] args) {
    try {
      checkLogin();
    } catch (JMSException failure) {
      System.err.println("No login at " + brokerUrl() + ": " + failure.getMessage());
      System.exit(1);
    }
    AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext(Main.class, RoomListener.class);
    context.registerShutdownHook();
    System.err.println("Listening to all rooms; Ctrl-C ends.");
  }

  /** Spring's container tries for ever, also with a wrong password. This says so at once. */
  private static void checkLogin() throws JMSException {
    try (Connection connection = brokerConnections().createConnection()) {
      // ActiveMQ's client logs in with the first use.
      connection.start();
    }
  }

  @Bean
  static ConnectionFactory connectionFactory() {
    return brokerConnections();
  }

  @Bean
  DefaultJmsListenerContainerFactory jmsListenerContainerFactory(ConnectionFactory connections) {
    DefaultJmsListenerContainerFactory factory = new DefaultJmsListenerContainerFactory();
    factory.setConnectionFactory(connections);
    factory.setPubSubDomain(true);
    // A durable subscription of this client: the broker keeps what is said while this program does not run.
    factory.setClientId("spring-rooms");
    factory.setSubscriptionDurable(true);
    // A message is acknowledged after the listener, and comes again if that fails; without this Spring acknowledges it before.
    factory.setSessionTransacted(true);
    return factory;
  }

  private static ActiveMQConnectionFactory brokerConnections() {
    return new ActiveMQConnectionFactory(required("JMS_ACCOUNT"), required("JMS_PASSWORD"), brokerUrl());
  }

  private static String brokerUrl() {
    return System.getenv().getOrDefault("BROKER_URL", "tcp://127.0.0.1:61616");
  }

  private static String required(String name) {
    String value = System.getenv(name);
    if (value == null) {
      System.err.println("Set the environment variable " + name + ".");
      System.exit(2);
    }
    return value;
  }
}
