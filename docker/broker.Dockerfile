# The official image of ActiveMQ Classic with the compiled classes of ../broker/java. Not tried with an engine yet.
FROM apache/activemq-classic:6.1.8 AS activemq

FROM eclipse-temurin:17-jdk AS compiler
COPY --from=activemq /opt/apache-activemq/lib /lib-activemq
COPY broker/java /java
RUN javac -nowarn -cp "/lib-activemq/*:/lib-activemq/optional/*" -d /classes $(find /java -name '*.java')

FROM activemq
COPY --from=compiler /classes /opt/broker-classes
