"""The configuration as a parameter of SSM.

Needs ECR_CLEANUP_BIN_DIR.
"""

import os
import subprocess


def plan(account, programs, name):
    result = subprocess.run(
        [programs.command, "plan", "--config", f"ssm:{name}"],
        env={**os.environ, **account.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    return result.stderr


def test_a_parameter_is_read_and_decrypted(account, programs):
    account.client("ssm").put_parameter(Name="/cleanup/config", Type="SecureString", Value="policies: [{whose: 1}]")
    # Undecrypted it would be no mapping.
    assert "policies[0].whose: unknown key" in plan(account, programs, "/cleanup/config")


def test_a_parameter_that_is_not_there_is_named(account, programs):
    expected = "cannot read `ssm:/cleanup/none`: `ssm:GetParameter` for `/cleanup/none` failed: ParameterNotFound: "
    assert expected in plan(account, programs, "/cleanup/none")
