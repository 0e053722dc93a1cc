package bridge.bench;

import jakarta.jms.ConnectionFactory;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.camel.Message;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.jms.JmsComponent;
import org.apache.camel.component.paho.PahoComponent;
import org.apache.camel.component.paho.PahoConstants;
import org.apache.camel.component.paho.PahoMessage;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;
import org.messaginghub.pooled.jms.JmsPoolConnectionFactory;

/**
 * Apache Camel between an MQTT topic and a JMS queue, at least once. {@code in-order}: one message after the other, the route that its
 * documentation shows. {@code parallel}: eight threads send and acknowledge by hand once the broker has the message, without order; what waits in
 * its session comes before Camel listens, so it is for live load only. The other way, from the queue to the topic of the message's property
 * {@code room}: {@code transacted}, in order; {@code dups-ok}: eight consumers that acknowledge now and then, without order.
 */
public final class CamelPeer {
  private static final int THREADS = 8;
  private static final String MESSAGE_ID = "mqttMessageId";

  private CamelPeer() {}

  /**
   * Arguments: JMS client, JMS URL, MQTT URL, user, topic filter, queue, MQTT client id, mode. The password is in
   * BENCH_PASSWORD. Prints {@code ready}, and then how many messages it has moved, every 20 milliseconds in which there are more.
   */
  public static void main(String[] args) throws Exception {
    String password = System.getenv("BENCH_PASSWORD");
    String mqtt =
        "paho:%s?brokerUrl=%s&clientId=%s&cleanSession=false&qos=1&userName=%s&password=RAW(%s)&maxInflight=1000"
            .formatted(args[4], args[2], args[6], args[3], password);
    boolean parallel = args[7].equals("parallel");
    AtomicLong moved = new AtomicLong();
    DefaultCamelContext context = new DefaultCamelContext();
    context.addComponent("jms", JmsComponent.jmsComponent(pooled(args[0], args[1], args[3], password)));
    String queue = "jms:queue:" + args[5] + "?deliveryPersistent=true";
    MqttClient client = new MqttClient(args[2], args[6], new MemoryPersistence());
    if (parallel) {
      client.setManualAcks(true);
      MqttConnectOptions options = new MqttConnectOptions();
      options.setCleanSession(false);
      options.setUserName(args[3]);
      options.setPassword(password.toCharArray());
      options.setMaxInflight(1000);
      client.connect(options);
      PahoComponent paho = new PahoComponent();
      paho.setClient(client);
      context.addComponent("paho", paho);
    }
    context.addRoutes(
        new RouteBuilder() {
          @Override
          public void configure() {
            if (args[7].equals("transacted"))
              toMqtt("?transacted=true&lazyCreateTransactionManager=false&cacheLevelName=CACHE_CONSUMER");
            else if (args[7].equals("dups-ok"))
              toMqtt("?acknowledgementModeName=DUPS_OK_ACKNOWLEDGE&concurrentConsumers=" + THREADS);
            else if (parallel)
              from(mqtt)
                  .process(exchange -> exchange.setProperty(MESSAGE_ID, id(exchange.getIn())))
                  .threads(THREADS, THREADS)
                  .maxQueueSize(1000)
                  .to(queue)
                  .process(exchange -> client.messageArrivedComplete(exchange.getProperty(MESSAGE_ID, int.class), 1))
                  .process(exchange -> moved.incrementAndGet());
            else from(mqtt).to(queue).process(exchange -> moved.incrementAndGet());
          }

          private void toMqtt(String options) {
            from("jms:queue:" + args[5] + options)
                .process(exchange -> exchange.getIn().setHeader(
                    PahoConstants.CAMEL_PAHO_OVERRIDE_TOPIC,
                    args[4].replace("+", exchange.getIn().getHeader("room", String.class))))
                .to(mqtt)
                .process(exchange -> moved.incrementAndGet());
          }
        });
    context.start();
    System.out.println("ready");
    long told = 0;
    while (true) {
      Thread.sleep(20);
      long now = moved.get();
      if (now > told) System.out.println(now);
      told = now;
    }
  }

  private static int id(Message message) {
    return ((PahoMessage) message).getMqttMessage().getId();
  }

  private static ConnectionFactory pooled(String client, String url, String user, String password) {
    JmsPoolConnectionFactory pool = new JmsPoolConnectionFactory();
    pool.setConnectionFactory(
        client.equals("openwire")
            ? new ActiveMQConnectionFactory(user, password, url)
            : new JmsConnectionFactory(user, password, url));
    pool.setMaxConnections(THREADS);
    return pool;
  }
}
