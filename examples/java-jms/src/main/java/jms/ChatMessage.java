package jms;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.TextMessage;
import java.time.Instant;
import java.util.UUID;

/** What is said in a room, as the JSON that chat clients send and show. */
record ChatMessage(String type, String id, String from, String text, String sentAt) {
  private static final Gson GSON = new Gson();

  static ChatMessage of(String from, String text) {
    return new ChatMessage("text", UUID.randomUUID().toString(), from, text, Instant.now().toString());
  }

  String json() {
    return GSON.toJson(this);
  }

  /** The text that was said; of a message that is not from a chat client, what there is of it. Anybody may send anything. */
  static String textOf(Message message) throws JMSException {
    if (!(message instanceof TextMessage text)) return "(" + message.getClass().getSimpleName() + ")";
    try {
      ChatMessage said = GSON.fromJson(text.getText(), ChatMessage.class);
      if (said != null && said.text() != null) return said.text();
    } catch (JsonParseException notAChatMessage) {
      // Shown as it is.
    }
    return text.getText();
  }
}
