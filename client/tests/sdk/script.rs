//! What a scripted agent answers, call by call.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::fake_agent::Lines;

/// One step of an answer. An answer without further steps ends well.
#[derive(Clone, Debug)]
pub(crate) enum Step<Answer> {
    Send(Answer),
    Fail(Status),
    Pause(Duration),
    /// Says nothing more until the caller hangs up.
    Hang,
    /// Cuts every connection of the agent.
    Cut,
}

/// One method: what it will answer, and what it was asked.
pub(crate) struct Script<Asked, Answer> {
    answers: Mutex<VecDeque<Vec<Step<Answer>>>>,
    asked: Mutex<Vec<Call<Asked>>>,
    hung_up: watch::Sender<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Call<Asked> {
    pub(crate) message: Asked,
    pub(crate) metadata: MetadataMap,
}

pub(crate) type Answers<Answer> = Pin<Box<dyn tokio_stream::Stream<Item = Result<Answer, Status>> + Send>>;

impl<Asked, Answer> Default for Script<Asked, Answer> {
    fn default() -> Self {
        Self { answers: Mutex::default(), asked: Mutex::default(), hung_up: watch::Sender::new(0) }
    }
}

impl<Asked: Clone + Send + 'static, Answer: Clone + Send + 'static> Script<Asked, Answer> {
    /// Adds the answer to one more call.
    pub(crate) fn then(&self, steps: impl IntoIterator<Item = Step<Answer>>) -> &Self {
        self.answers.lock().unwrap().push_back(steps.into_iter().collect());
        self
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Call<Asked>> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until that many callers have hung up on an answer that was not finished.
    pub(crate) async fn hung_up(&self, count: usize) {
        self.hung_up.subscribe().wait_for(|hung_up| *hung_up >= count).await.unwrap();
    }

    pub(crate) async fn unary(
        self: &Arc<Self>,
        lines: &Lines,
        request: Request<Asked>,
    ) -> Result<Response<Answer>, Status> {
        let guard = HangUpGuard { hung_up: Some(self.hung_up.clone()) };
        for step in self.next_answer(request) {
            match step {
                Step::Send(answer) => {
                    guard.finished();
                    return Ok(Response::new(answer));
                }
                Step::Fail(status) => {
                    guard.finished();
                    return Err(status);
                }
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Cut => lines.cut(),
                Step::Hang => std::future::pending().await,
            }
        }
        panic!("the script of a unary call has no answer");
    }

    pub(crate) fn stream(
        self: &Arc<Self>,
        lines: &Lines,
        request: Request<Asked>,
    ) -> Result<Response<Answers<Answer>>, Status> {
        let steps = self.next_answer(request);
        // A failure at the start is how a server refuses a stream.
        if let [Step::Fail(status), ..] = steps.as_slice() {
            return Err(status.clone());
        }
        let (sender, receiver) = mpsc::channel(1);
        let (script, lines) = (Arc::clone(self), lines.clone());
        tokio::spawn(async move {
            for step in steps {
                let sent = match step {
                    Step::Send(answer) => sender.send(Ok(answer)).await,
                    Step::Fail(status) => sender.send(Err(status)).await,
                    Step::Pause(time) => {
                        tokio::time::sleep(time).await;
                        Ok(())
                    }
                    Step::Cut => {
                        // What was sent before shall arrive before the line is cut.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        lines.cut();
                        Ok(())
                    }
                    Step::Hang => {
                        sender.closed().await;
                        script.hung_up.send_modify(|hung_up| *hung_up += 1);
                        Ok(())
                    }
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    fn next_answer(&self, request: Request<Asked>) -> Vec<Step<Answer>> {
        let (metadata, _, message) = request.into_parts();
        self.asked.lock().unwrap().push(Call { message, metadata });
        self.answers.lock().unwrap().pop_front().expect("a call that the script does not foresee")
    }
}

/// Counts a handler that is dropped before it has answered.
struct HangUpGuard {
    hung_up: Option<watch::Sender<usize>>,
}

impl HangUpGuard {
    fn finished(mut self) {
        self.hung_up = None;
    }
}

impl Drop for HangUpGuard {
    fn drop(&mut self) {
        if let Some(hung_up) = &self.hung_up {
            hung_up.send_modify(|count| *count += 1);
        }
    }
}
