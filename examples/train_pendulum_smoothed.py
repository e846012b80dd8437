"""Teaches a policy with memory to do on Pendulum-v1 under noise what a teacher does without.

Policy smoothing (Kumar, Levine and Feizi 2022, https://arxiv.org/abs/2106.11420) certifies what a
policy returns when normal noise is added to every observation. Who sees single noisy observations
cannot do much better than a policy that never saw any; who remembers them can tell where the
pendulum is. So an LSTM of 32 numbers, shown observations with noise of sigma = 0.2 in the
environment's units, learns the actions that `pendulum_sac.zip` takes for the observations without
noise, in the states that the LSTM gets itself into (DAgger: Ross, Gordon and Bagnell 2011,
https://arxiv.org/abs/1011.0686).

Takes about a minute on one CPU core. Under the noise the shipped checkpoint returns -163, its
teacher -315 (means of 10,000 episodes), and without noise -156 and -152.

Usage: python train_pendulum_smoothed.py [output.zip]
"""

import sys
from pathlib import Path

import gymnasium
import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3 import SAC
from torch.nn import functional

SIGMA, STEPS, LANES = 0.2, 200, 64
ROUNDS, UPDATES, KEPT = 80, 25, 20
here = Path(__file__)
path = Path(sys.argv[1]) if len(sys.argv) > 1 else here.with_name("pendulum_smoothed.zip")
torch.set_num_threads(1)  # small networks run fastest, and repeatably, on one thread
rng = np.random.default_rng(0)

teacher = SAC.load(here.with_name("pendulum_sac.zip"), device="cpu")
# PPO itself is not used: it is the file format of a policy with an LSTM.
student = RecurrentPPO(
    "MlpLstmPolicy",
    "Pendulum-v1",
    policy_kwargs={
        "lstm_hidden_size": 32,
        "net_arch": [],
        "shared_lstm": True,
        "enable_critic_lstm": False,
    },
    seed=0,
    device="cpu",
)
lstm, head = student.policy.lstm_actor, student.policy.action_net
environments = gymnasium.make_vec("Pendulum-v1", num_envs=LANES, vectorization_mode="sync")


def episodes(seed: int, taught: bool) -> tuple[torch.Tensor, torch.Tensor, float]:
    """What was seen, what the teacher would have done (step, lane, number), and the mean return.

    Args:
        seed: Of the first lane's reset.
        taught: Whether the student acts; else the teacher does.
    """
    state, _ = environments.reset(seed=seed)
    seen, right, memory, total = [], [], None, 0.0
    for _ in range(STEPS):
        noisy = state + SIGMA * rng.standard_normal(state.shape)
        seen.append(torch.from_numpy(noisy).float())
        right.append(torch.from_numpy(teacher.predict(state, deterministic=True)[0]))
        with torch.no_grad():
            remembered, memory = lstm(seen[-1][None], memory)
            action = head(remembered)[0].clamp(-2, 2) if taught else right[-1]
        state, reward, *_ = environments.step(action.numpy())
        total += reward.mean()
    return torch.stack(seen), torch.stack(right), total


parameters = [*lstm.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=3e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, ROUNDS * UPDATES)
lessons = []
for number in range(ROUNDS):
    *lesson, mean = episodes(LANES * number, taught=number > 0)
    lessons = [*lessons, lesson][-KEPT:]
    seen, right = (torch.cat(part, 1) for part in zip(*lessons, strict=True))
    for _ in range(UPDATES):
        lanes = torch.from_numpy(rng.choice(seen.shape[1], LANES, replace=False))
        loss = functional.mse_loss(head(lstm(seen[:, lanes])[0]), right[:, lanes])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    if number % 10 == 0:
        print(f"round {number}: noisy return {mean:.1f}, loss {loss.item():.3f}")

# Save only what loading needs.
unused = ["learning_rate", "lr_schedule", "clip_range", "rollout_buffer_class", "start_time"]
unused += ["ep_info_buffer", "ep_success_buffer"]
unused += ["_last_obs", "_last_original_obs", "_last_episode_starts", "_last_lstm_states"]
student.save(path, exclude=unused)

means = [episodes(1_000_000 + LANES * number, taught=True)[2] for number in range(8)]
print(f"mean noisy return {np.mean(means):.1f} over {8 * LANES} episodes, saved to {path}")
