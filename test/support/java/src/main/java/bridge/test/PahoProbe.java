package bridge.test;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** An MQTT 3.1.1 subscriber and publisher. */
final class PahoProbe {
  private static final int QOS = 1;

  private PahoProbe() {}

  /** Prints ready, then each message, and ends after {@code --count} of them or {@code --timeout-ms}. */
  static void subscribe(Arguments arguments) throws MqttException, InterruptedException {
    int count = arguments.number("count", 1);
    CountDownLatch missing = new CountDownLatch(count);
    MqttClient client = connect(arguments);
    client.subscribe(
        arguments.required("topic"),
        arguments.number("qos", QOS),
        (topic, message) -> {
          // At most as many lines as were asked for; a subscriber may be given more before it leaves.
          if (missing.getCount() == 0) return;
          Lines.print(asJson(topic, message));
          missing.countDown();
        });
    Lines.ready();
    if (!missing.await(arguments.number("timeout-ms", 30_000), TimeUnit.MILLISECONDS))
      Lines.timeout(count - (int) missing.getCount());
    client.disconnect();
    client.close();
  }

  /** Publishes {@code --count} messages; returns when the broker has confirmed them. */
  static void publish(Arguments arguments) throws MqttException {
    MqttClient client = connect(arguments);
    for (int sent = 0; sent < arguments.number("count", 1); sent++) {
      client.publish(
          arguments.required("topic"),
          payload(arguments, sent),
          arguments.number("qos", QOS),
          arguments.optional("retain").isPresent());
    }
    client.disconnect();
    client.close();
  }

  private static MqttClient connect(Arguments arguments) throws MqttException {
    MqttClient client =
        new MqttClient(
            arguments.required("url"),
            arguments.optional("client-id").orElseGet(MqttClient::generateClientId),
            new MemoryPersistence());
    MqttConnectOptions options = new MqttConnectOptions();
    options.setUserName(arguments.required("user"));
    options.setPassword(Arguments.password());
    options.setCleanSession(arguments.optional("durable").isEmpty());
    client.connect(options);
    return client;
  }

  private static byte[] payload(Arguments arguments, int number) {
    String content = arguments.required("content");
    return switch (arguments.required("body")) {
      case "text" -> content.replace("{n}", Integer.toString(number)).getBytes(StandardCharsets.UTF_8);
      case "bytes" -> Base64.getDecoder().decode(content);
      default -> throw new IllegalArgumentException("--body is text or bytes");
    };
  }

  private static Map<String, Object> asJson(String topic, MqttMessage message) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("topic", topic);
    json.put("base64", Base64.getEncoder().encodeToString(message.getPayload()));
    json.put("qos", message.getQos());
    json.put("retained", message.isRetained());
    json.put("duplicate", message.isDuplicate());
    return json;
  }
}
