package bridge.test;

import jakarta.jms.BytesMessage;
import jakarta.jms.DeliveryMode;
import jakarta.jms.JMSException;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.ObjectMessage;
import jakarta.jms.StreamMessage;
import jakarta.jms.TextMessage;
import java.util.Base64;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** What a Java program sees of a message through the JMS interface: kind, body, headers, properties with types. */
final class MessageAsJson {
  private MessageAsJson() {}

  static Map<String, Object> of(Message message) throws JMSException {
    Map<String, Object> json = new LinkedHashMap<>();
    body(message, json);
    json.put("properties", properties(message));
    json.put("JMSMessageID", message.getJMSMessageID());
    json.put("JMSTimestamp", message.getJMSTimestamp());
    boolean persistent = message.getJMSDeliveryMode() == DeliveryMode.PERSISTENT;
    json.put("JMSDeliveryMode", persistent ? "PERSISTENT" : "NON_PERSISTENT");
    json.put("JMSXGroupID", message.getStringProperty("JMSXGroupID"));
    json.put("JMSCorrelationID", message.getJMSCorrelationID());
    json.put("JMSType", message.getJMSType());
    json.put("JMSPriority", message.getJMSPriority());
    json.put("JMSExpiration", message.getJMSExpiration());
    json.put("JMSReplyTo", message.getJMSReplyTo() == null ? null : message.getJMSReplyTo().toString());
    json.put("JMSRedelivered", message.getJMSRedelivered());
    return json;
  }

  private static void body(Message message, Map<String, Object> json) throws JMSException {
    if (message instanceof TextMessage text) {
      json.put("class", "TextMessage");
      json.put("text", text.getText());
    } else if (message instanceof BytesMessage bytes) {
      byte[] body = new byte[Math.toIntExact(bytes.getBodyLength())];
      bytes.readBytes(body);
      json.put("class", "BytesMessage");
      json.put("base64", Base64.getEncoder().encodeToString(body));
    } else if (message instanceof MapMessage) {
      json.put("class", "MapMessage");
    } else if (message instanceof StreamMessage) {
      json.put("class", "StreamMessage");
    } else if (message instanceof ObjectMessage) {
      // Never read: that would deserialise what a stranger sent.
      json.put("class", "ObjectMessage");
    } else {
      json.put("class", "Message");
    }
  }

  private static Map<String, Object> properties(Message message) throws JMSException {
    Map<String, Object> properties = new TreeMap<>();
    Enumeration<?> names = message.getPropertyNames();
    while (names.hasMoreElements()) {
      String name = (String) names.nextElement();
      Object value = message.getObjectProperty(name);
      Map<String, Object> typed = new LinkedHashMap<>();
      typed.put("type", value == null ? "null" : value.getClass().getSimpleName());
      boolean isJson = value == null || value instanceof Number || value instanceof Boolean;
      typed.put("value", isJson ? value : value.toString());
      properties.put(name, typed);
    }
    return properties;
  }
}
