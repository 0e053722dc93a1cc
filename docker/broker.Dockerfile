# The official image of ActiveMQ Classic with the compiled classes of ../broker/java, and a folder for messages that its account may write.
FROM apache/activemq-classic:6.1.8 AS activemq

FROM eclipse-temurin:17.0.17_10-jdk AS compiler
COPY --from=activemq /opt/apache-activemq/lib /lib-activemq
COPY broker/java /java
RUN javac -nowarn -cp "/lib-activemq/*:/lib-activemq/optional/*" -d /classes $(find /java -name '*.java')

FROM activemq
COPY --from=compiler /classes /opt/broker-classes
RUN mkdir /data && chown 1000:1000 /data
USER 1000:1000
